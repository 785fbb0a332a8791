"use strict";
(() => {
  const all = (what, within = document) => [...within.querySelectorAll(what)];
  const make = (tag, text, label) => {
    const made = document.createElement(tag);
    made.textContent = text;
    if (tag === "button") made.type = "button";
    if (label) made.setAttribute("aria-label", label);
    return made;
  };
  document.body.classList.add("scripted");

  // Tabs: links without script, one part at a time with it.
  const tabs = all(".tabs a"), parts = tabs.map((tab) => document.querySelector(tab.hash));
  const choose = (place, focus) => {
    tabs.forEach((tab, other) => {
      tab.setAttribute("aria-selected", String(other === place));
      tab.tabIndex = other === place ? 0 : -1;
      parts[other].hidden = other !== place;
    });
    if (focus) tabs[place].focus();
  };
  document.querySelector(".tabs").setAttribute("role", "tablist");
  tabs.forEach((tab, place) => {
    tab.setAttribute("role", "tab");
    tab.setAttribute("aria-controls", parts[place].id);
    parts[place].setAttribute("role", "tabpanel");
    parts[place].setAttribute("aria-labelledby", tab.id);
    tab.addEventListener("click", (event) => {
      event.preventDefault();
      history.replaceState(null, "", tab.hash);
      choose(place, false);
    });
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (step) choose((place + step + tabs.length) % tabs.length, true);
      if (event.key === "Home") choose(0, true);
      if (event.key === "End") choose(tabs.length - 1, true);
    });
  });
  const follow = () => {
    const target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
    const place = target ? parts.indexOf(target.closest(".tab")) : -1;
    choose(Math.max(0, place), false);
    if (target && place >= 0 && target !== parts[place]) target.scrollIntoView();
  };
  addEventListener("hashchange", follow);
  follow();

  // One department at a time.
  const department = document.querySelector("#department");
  if (department) {
    const show = () => all(".department").forEach((one) => {
      one.hidden = one.id !== department.value;
    });
    department.addEventListener("change", show);
    show();
  }

  // The slice of a segment and a period.
  const segment = document.querySelector("#segment"), period = document.querySelector("#period");
  const slices = all(".slice"), none = document.querySelector("#no-slice");
  const cut = () => {
    const wanted = [segment ? segment.value : "", period ? period.value : ""];
    let found = false;
    slices.forEach((one) => {
      one.hidden = one.dataset.segment !== wanted[0] || one.dataset.period !== wanted[1];
      found = found || !one.hidden;
    });
    if (none) none.hidden = found;
  };
  [segment, period].forEach((one) => one && one.addEventListener("change", cut));
  cut();

  // Tables: twelve rows at first, sorted on request, to be copied.
  const value = (row, place) => {
    const cell = row.cells[place];
    const text = (cell.dataset.text || cell.textContent).trim().replaceAll("−", "-")
      .replace(/^▼ /, "-").replace(/^▲ /, "");
    if (cell.dataset.sort !== undefined) return Number(cell.dataset.sort);
    if (text === "–" || text === "") return -Infinity;
    if (/^\d{4}-\d\d-\d\d/.test(text)) return Date.parse(text);
    const spans = [...text.matchAll(/([\d.,]+) (d|h|min|s)\b/g)];
    const seconds = { d: 86400, h: 3600, min: 60, s: 1 };
    const plain = (number) => Number(number.replaceAll(",", ""));
    if (spans.length) {
      const sum = spans.reduce((total, [, n, unit]) => total + plain(n) * seconds[unit], 0);
      return text.startsWith("-") ? -sum : sum;
    }
    const number = text.match(/^[<+-]? ?[\d.,]+/);
    return number ? plain(number[0].replace(/[<+ ]/g, "")) : text;
  };
  all("table.data").forEach((table) => {
    const body = table.tBodies[0], rows = [...body.rows], most = 12;
    const bar = make("div", ""), name = table.caption.textContent.trim();
    bar.className = "bar-of-table";
    let whole = rows.length <= most;
    const fold = () => [...body.rows].forEach((row, place) => {
      row.classList.toggle("folded", !whole && place >= most);
    });
    if (!whole) {
      const more = make("button", `Show all ${rows.length} rows`);
      more.addEventListener("click", () => { whole = true; fold(); more.remove(); });
      bar.append(more);
    }
    fold();
    [...table.tHead.rows[0].cells].forEach((head, place) => {
      const title = head.textContent.trim();
      const sort = make("button", "↕", `Sort by ${title}`);
      sort.className = "sort";
      sort.addEventListener("click", () => {
        const up = head.getAttribute("aria-sort") === "descending";
        [...table.tHead.rows[0].cells].forEach((one) => one.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
        const sorted = [...body.rows].sort((one, other) => {
          const [a, b] = [value(one, place), value(other, place)];
          const order = typeof a === "number" && typeof b === "number" ? a - b
            : String(a).localeCompare(String(b));
          return up ? order : -order;
        });
        body.append(...sorted);
        fold();
      });
      head.append(sort);
    });
    const copy = make("button", "Copy as CSV", `Copy as CSV: ${name}`);
    copy.addEventListener("click", () => {
      const quoted = (cell) => {
        const text = (cell.dataset.text || cell.textContent.replace(/[↕]/g, "")).trim().replace(/\s+/g, " ").replaceAll("−", "-");
        const safe = /^[=+\-@\t]/.test(text) && !/^[+-]?[\d.,]+( (%|pp|[A-Z]{3}))?$/.test(text) ? `'${text}` : text;
        return `"${safe.replaceAll('"', '""')}"`;
      };
      const lines = [table.tHead.rows[0], ...body.rows].map((row) => [...row.cells].map(quoted).join(","));
      navigator.clipboard.writeText(`${lines.join("\r\n")}\r\n`).then(
        () => { copy.textContent = "Copied"; }, () => { copy.textContent = "Copying is not allowed here"; });
    });
    if (navigator.clipboard) bar.append(copy);
    const box = table.closest(".scroll");
    box.setAttribute("role", "region");
    box.setAttribute("aria-label", name);
    box.after(bar);
  });
})();

"use strict";
const all = (selector, root = document) => [...root.querySelectorAll(selector)];

// Sort by a column: scores best first, factors in natural order, then reversed; what has no score stays last.
all("table.scores").forEach((table) => all("thead th", table).forEach((head, column) => {
  head.firstElementChild.addEventListener("click", () => {
    const higher = head.dataset.higher;
    const first = higher === "1" ? "descending" : "ascending";
    const order = head.getAttribute("aria-sort") === first ? { ascending: "descending", descending: "ascending" }[first] : first;
    const sign = order === "ascending" ? 1 : -1;
    const value = ({ cells: { [column]: cell } }) => (higher === undefined ? cell.dataset.rank ?? cell.textContent : Number(cell.dataset.v));
    const compare = (a, b) => (higher === undefined ? a.localeCompare(b, "en", { numeric: true }) : a - b || 0);
    const missing = (row) => higher !== undefined && Number.isNaN(value(row));
    all("thead th", table).forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", order);
    const rows = [...table.tBodies[0].rows];
    rows.sort((a, b) => missing(a) - missing(b) || (missing(a) ? 0 : sign * compare(value(a), value(b))));
    table.tBodies[0].append(...rows);
  });
}));

// Hold the factors in sight while a wide table scrolls: as many as leave half of its box to the scores.
all("table.scores").forEach((table) => new ResizeObserver(() => {
  const box = table.parentElement.clientWidth;
  let left = 0;
  table.classList.toggle("wide", table.offsetWidth > box);
  all("thead th.factor", table).forEach((head, column) => {
    const place = left;
    left += head.offsetWidth;
    const held = column === 0 || left <= box / 2;
    [...table.rows].forEach(({ cells }) => {
      cells[column].classList.toggle("held", held);
      cells[column].style.left = held ? `${place}px` : "";
    });
  });
}).observe(table.parentElement));

// Put the reference in an output's place while it is pointed at, or pressed.
all(".comparison").forEach((comparison) => {
  const reference = comparison.querySelector("figure.reference img");
  all("figure.output button", comparison).forEach((button) => {
    const image = button.firstElementChild;
    const own = image.src;
    const show = (other) => {
      image.src = other ? reference.src : own;
      button.setAttribute("aria-pressed", String(other));
    };
    button.addEventListener("pointerenter", (event) => event.pointerType === "mouse" && show(true));
    button.addEventListener("pointerleave", () => show(false));
    button.addEventListener("click", () => show(button.getAttribute("aria-pressed") !== "true"));
  });
});

// Single out one configuration's lines, or one number's marks, while its name is pointed at.
all(".legend li[data-c]").forEach((item) => {
  const panels = item.closest("section").querySelector(".panels");
  const single = (on) => {
    panels.classList.toggle("focus", on);
    all(`g[data-c="${item.dataset.c}"]`, panels).forEach((line) => line.classList.toggle("on", on));
  };
  ["pointerenter", "focus"].forEach((name) => item.addEventListener(name, () => single(true)));
  ["pointerleave", "blur"].forEach((name) => item.addEventListener(name, () => single(false)));
});

"use strict";
// A long table has its first rows only; the others are packed until they are asked for.
const unpacked = new Map();
function whole(box) {
  const packed = box.querySelector(".rest");
  if (packed && !unpacked.has(box)) unpacked.set(box, unpack(box, packed));
  return unpacked.get(box);
}
async function unpack(box, packed) {
  const bytes = Uint8Array.from(atob(packed.textContent), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  box.querySelector("table").insertAdjacentHTML("beforeend", await new Response(stream).text());
  packed.remove();
  box.classList.remove("long");
}
for (const button of document.querySelectorAll(".long > button")) {
  button.addEventListener("click", () => whole(button.parentElement));
}

// Each column's heading is a button that sorts: up, down, then back to the order of measuring.
for (const table of document.querySelectorAll("table")) {
  const headings = [...table.tHead.rows[0].cells];
  let rows; // in the order of measuring
  headings.forEach((heading, place) => {
    heading.querySelector("button")?.addEventListener("click", async () => {
      await whole(table.parentElement);
      const bodies = [...table.tBodies];
      rows ??= bodies.flatMap((body) => [...body.rows].map((row) => ({ row, body })));
      const next = { none: "ascending", ascending: "descending", descending: "none" };
      const order = next[heading.getAttribute("aria-sort") ?? "none"];
      for (const other of headings) other.removeAttribute("aria-sort");
      table.classList.toggle("sorted", order !== "none");
      if (order === "none") {
        for (const { row, body } of rows) body.append(row);
        return;
      }
      heading.setAttribute("aria-sort", order);
      const key = ({ row }) => row.cells[place].textContent.trim();
      const sign = order === "ascending" ? 1 : -1;
      const sorted = rows.map((each) => ({ ...each, key: key(each) })).sort((a, b) => compare(a.key, b.key, sign));
      bodies[0].append(...sorted.map(({ row }) => row));
    });
  });
}

// Figures with a unit compare as what they mean: 1.2 s is more than 900 ms. What is no figure stands last, either way.
const scales = { ns: 1, "µs": 1e3, ms: 1e6, s: 1e9, B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3, TiB: 1024 ** 4 };
function compare(a, b, sign) {
  const [x, y] = [figure(a), figure(b)];
  if (x !== null && y !== null) return sign * (x - y);
  if (x !== null || y !== null) return x !== null ? -1 : 1;
  return sign * a.localeCompare(b);
}
function figure(text) {
  const found = /^[±+]?(-?[\d,]*\.?\d+)\s*(\S*)/.exec(text);
  return found ? Number(found[1].replaceAll(",", "")) * (scales[found[2]] ?? 1) : null;
}

// Paper has no button that opens what is closed.
addEventListener("beforeprint", () => document.querySelectorAll(".block details").forEach((part) => (part.open = true)));

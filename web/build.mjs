// Bundle plot.mjs into one script, with the licences of all packages in it, where the reports embed it from.
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { build } from "esbuild";

const target = new URL("../inference_bench/reports/_html/plot/", import.meta.url);
const packageOf = (path) => /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1];
const read = (name) => JSON.parse(readFileSync(`node_modules/${name}/package.json`, "utf8"));

const plot = read("@observablehq/plot");
const result = await build({
  entryPoints: ["plot.mjs"],
  bundle: true,
  minify: true,
  write: false,
  metafile: true,
  format: "iife",
  globalName: "Plot",
  target: "es2020",
  legalComments: "none",
  charset: "ascii",
  banner: { js: `/* Observable Plot ${plot.version} and what it uses; licences in LICENSES.txt beside this file */` },
});

const code = result.outputFiles[0].text;
if (/<\/script|\beval\(|new Function\(/i.test(code)) throw new Error("the bundle cannot stand in a page with a strict policy");
const [bundle] = Object.values(result.metafile.outputs);
const used = Object.keys(bundle.inputs).filter((path) => bundle.inputs[path].bytesInOutput > 0);
const packages = [...new Set(used.map(packageOf).filter(Boolean))].sort();
const licences = packages.map((name) => {
  const { version, license } = read(name);
  const file = ["LICENSE", "LICENSE.md", "LICENSE.txt"].map((each) => `node_modules/${name}/${each}`).find(existsSync);
  return `${name} ${version} (${license})\n\n${file ? readFileSync(file, "utf8").trim() : "No text in the package."}\n`;
});

const digest = createHash("sha256").update(code).digest("hex");
writeFileSync(new URL("plot.min.js", target), code);
writeFileSync(new URL("LICENSES.txt", target), licences.join(`\n${"-".repeat(72)}\n\n`));
writeFileSync(new URL("plot.min.js.sha256", target), `${digest}  plot.min.js\n`);
console.log(`Observable Plot ${plot.version}: ${code.length} bytes from ${packages.length} packages, sha256 ${digest}`);

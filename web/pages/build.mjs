// Makes the pages: `npm run build:pages`, or into another folder: `npm run build:pages FOLDER`. The results are committed,
// because the server and the function that serve them are built without Node.
//
// `pages/` has what a deployment serves, `demo/` what the local server alone does. What a page loads is named by its
// content, so that browsers may keep it for ever, and relative to the page, so that it works at any path.

import { existsSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { page } from "./docs/page.mjs";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

/** The bytes, gzipped, of a page with all that it loads. */
const LIMIT = 120_000;

/** Each folder's pages: a page's sources are the files of its name in the folder of its name. */
const FOLDERS = { pages: { names: ["dashboard", "docs"], assets: "assets" }, demo: { names: ["demo"], assets: "demo-assets" } };

/** A page as it is written, or as it is made of the API's document. */
async function htmlOf(name) {
  if (name !== "docs") return readFile(here(`${name}/${name}.html`), "utf8");
  return String(page(JSON.parse(await readFile(here("../openapi.json"), "utf8"))));
}

const target = process.argv[2] ?? here("dist");
await rm(target, { recursive: true, force: true });

/** The npm packages in the pages of each folder, which a release has to name. */
const packages = {};

for (const [folder, { names, assets }] of Object.entries(FOLDERS)) {
  const bundled = new Set();
  for (const name of names) {
    const sources = [here(`${name}/${name}.ts`), here(`${name}/${name}.css`)].filter(existsSync);
    const built = await build({
      entryPoints: sources,
      entryNames: "[name]-[hash]",
      outdir: join(target, folder, assets),
      bundle: true,
      minify: true,
      format: "esm",
      target: "es2022",
      charset: "utf8",
      legalComments: "eof",
      metafile: true,
      write: false,
      logLevel: "warning",
    });
    for (const path of Object.keys(built.metafile.inputs)) {
      const [, found] = /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path) ?? [];
      if (found) bundled.add(found);
    }
    let html = await htmlOf(name);
    let size = 0;
    for (const { path, contents } of built.outputFiles) {
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, contents);
      size += gzipSync(contents, { level: 9 }).length;
      const output = built.metafile.outputs[relative(process.cwd(), path)];
      html = html.replace(`"${basename(output.entryPoint)}"`, `"${assets}/${basename(path)}"`);
    }
    await writeFile(join(target, folder, `${name}.html`), html);
    size += gzipSync(html, { level: 9 }).length;
    console.log(`${name}: ${size} of at most ${LIMIT} bytes, gzipped`);
    if (size > LIMIT) process.exitCode = 1;
  }
  packages[folder] = [...bundled].sort();
}
await writeFile(join(target, "packages.json"), JSON.stringify(packages, null, 2) + "\n");

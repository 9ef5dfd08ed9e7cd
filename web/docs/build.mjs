// Makes the page of the API's document: `npm run build:docs`, or into another folder: `npm run build:docs FOLDER`. The
// result is committed, so that the local server, which is built without Node, has it.

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { page } from "./page.mjs";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

const folder = process.argv[2] ?? here("dist");
const document = JSON.parse(await readFile(here("../openapi.json"), "utf8"));
await mkdir(folder, { recursive: true });
await writeFile(join(folder, "index.html"), String(page(document)));

// Modules of the page for tests in Node, which reads no TypeScript.

import { fileURLToPath } from "node:url";
import { build } from "esbuild";

/** The exports of a module of the page. */
export async function module(name) {
  const entryPoints = [fileURLToPath(new URL(`./${name}.ts`, import.meta.url))];
  const { outputFiles } = await build({ entryPoints, bundle: true, format: "esm", write: false });
  return import(`data:text/javascript,${encodeURIComponent(outputFiles[0].text)}`);
}

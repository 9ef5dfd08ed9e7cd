// Builds `dist`, and fails if an entry point has outgrown its limit.

import { execFileSync } from "node:child_process";
import { copyFileSync, readFileSync, rmSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { build, transform } from "esbuild";

// Bytes, gzipped, of an entry point with all that it imports. Four times 1,024 are the 4 kB that is promised.
const LIMITS = {
  "index.js": 4_096,
  "metrics.js": 1_200,
  "react.js": 200,
  "element.js": 4_096,
  "user-sessions.js": 4_300,
};
// What an application has loaded already does not count for the element, which is used with the client: it is measured
// without the client's own files. (So far it shares none of them: it imports nothing but types.)
const CLIENT = ["./index.js", "./shared-*.js"];

// The element's rules are text for all that follows: spaces and all.
const styles = {
  name: "styles",
  setup: ({ onLoad }) =>
    onLoad({ filter: /styles\.ts$/ }, async ({ path }) => {
      const [before, rules, after] = readFileSync(path, "utf8").split(/(?<= RULES = `)|(?=`;\n$)/);
      const { code } = await transform(rules, { loader: "css", minify: true });
      return { contents: before + code.trim() + after, loader: "ts" };
    }),
};

const common = {
  bundle: true,
  minify: true,
  sourcemap: true,
  target: "es2022",
  outdir: "dist",
  external: ["react"],
  plugins: [styles],
  logLevel: "warning",
};

rmSync("dist", { recursive: true, force: true });
// Entry points share what they have in common, so that an error of one is an error of the other.
const entryPoints = ["src/index.ts", "src/metrics.ts", "src/react.ts", "src/element.ts"];
await build({ ...common, entryPoints, format: "esm", splitting: true, chunkNames: "shared-[hash]" });
await build({ ...common, entryPoints: { "user-sessions": "src/script.ts" }, format: "iife" });
execFileSync("npx", ["tsc"], { stdio: "inherit" });
for (const licence of ["LICENSE-MIT", "LICENSE-APACHE"]) copyFileSync(`../../${licence}`, `dist/${licence}`);

for (const [name, limit] of Object.entries(LIMITS)) {
  const external = name === "element.js" ? CLIENT : common.external;
  const whole = { ...common, external, sourcemap: false, write: false, format: "esm", entryPoints: [`dist/${name}`] };
  const { outputFiles } = await build(whole);
  const size = gzipSync(outputFiles[0].contents, { level: 9 }).length;
  console.log(`${name}: ${size} of at most ${limit} bytes, gzipped`);
  if (size > limit) process.exitCode = 1;
}

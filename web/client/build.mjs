// Builds `dist`, and fails if an entry point has outgrown its limit.

import { execFileSync } from "node:child_process";
import { copyFileSync, rmSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

// Bytes, gzipped, of an entry point with all that it imports.
const LIMITS = { "index.js": 4_000, "metrics.js": 1_200, "react.js": 200, "user-sessions.js": 4_300 };

const common = {
  bundle: true,
  minify: true,
  sourcemap: true,
  target: "es2022",
  outdir: "dist",
  external: ["react"],
  logLevel: "warning",
};

rmSync("dist", { recursive: true, force: true });
// Entry points share what they have in common, so that an error of one is an error of the other.
const entryPoints = ["src/index.ts", "src/metrics.ts", "src/react.ts"];
await build({ ...common, entryPoints, format: "esm", splitting: true, chunkNames: "shared-[hash]" });
await build({ ...common, entryPoints: { "user-sessions": "src/script.ts" }, format: "iife" });
execFileSync("npx", ["tsc"], { stdio: "inherit" });
for (const licence of ["LICENSE-MIT", "LICENSE-APACHE"]) copyFileSync(`../../${licence}`, `dist/${licence}`);

for (const [name, limit] of Object.entries(LIMITS)) {
  const whole = { ...common, sourcemap: false, write: false, format: "esm", entryPoints: [`dist/${name}`] };
  const { outputFiles } = await build(whole);
  const size = gzipSync(outputFiles[0].contents, { level: 9 }).length;
  console.log(`${name}: ${size} of at most ${limit} bytes, gzipped`);
  if (size > limit) process.exitCode = 1;
}

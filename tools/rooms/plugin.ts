/**
 * The rooms guard as a plugin of `deno lint`: each file of the program imports and names only what its room may.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { hiddenIn } from "./hidden.ts";
import { importsOf } from "./imports.ts";
import { namesOf } from "./names.ts";
import { placeOf } from "./place.ts";
import type { Tell } from "./seen.ts";
import { breachOf, breachOfPlace } from "./verdict.ts";

const projectRoot = slashes(fileURLToPath(new URL("../../", import.meta.url)));

/** What the file with this path, relative to the project's folder, imports and names. */
export function lookAt(
  path: string,
  source: Deno.lint.SourceCode,
  tell: Tell,
): Deno.lint.LintVisitor {
  return { ...importsOf(path, tell), ...namesOf(tell), ...hiddenIn(source, tell) };
}

/** The path relative to the project's folder; undefined for what is not part of the program. */
function programPath(filename: string): string | undefined {
  const path = slashes(filename);
  if (!path.startsWith(projectRoot)) return undefined;
  const inside = path.slice(projectRoot.length);
  return inside === "main.ts" || inside.startsWith("src/") ? inside : undefined;
}

function slashes(path: string): string {
  return path.replaceAll("\\", "/");
}

/** The linter takes a plugin from the default export only. */
export default {
  name: "rooms",
  rules: {
    borders: {
      create(context) {
        const path = programPath(context.filename);
        if (path === undefined) return {};
        const place = placeOf(path);
        const misplaced = breachOfPlace(place);
        if (misplaced) return { Program: (node) => context.report({ node, ...misplaced }) };
        return lookAt(path, context.sourceCode, (seen, node) => {
          const breach = breachOf(place, seen);
          if (breach) context.report({ node, ...breach });
        });
      },
    },
  },
} satisfies Deno.lint.Plugin;

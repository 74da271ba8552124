/**
 * The version of the program; `deno.json` is its only source.
 *
 * @module
 */

import project from "../deno.json" with { type: "json" };

/** Semantic version, such as `0.1.0`. */
export const version: string = project.version;

/**
 * One layer of the program alone, without a server around it.
 *
 * A file of `layers/` measures the source that lies beside it, so that each version of the program
 * is measured by code that knows its shape. What all versions share is this type, and that the file
 * exports it as `layer`.
 *
 * @module
 */

/** Prepares the layer; the function that it returns runs the layer so many times. */
export type Layer = () => (count: number) => void | Promise<void>;

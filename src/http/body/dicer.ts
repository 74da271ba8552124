/**
 * The parser of forms. A file of its own, because a binary that loads a CommonJS package late knows only its default export.
 *
 * @module
 */

export { Dicer } from "@fastify/busboy";

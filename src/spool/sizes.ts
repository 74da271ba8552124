/**
 * Sizes that decide how a file is written and read, and where an output is kept.
 *
 * @module
 */

/**
 * Up to this size in bytes, a file is written and read with one synchronous call, which costs several times less than an
 * asynchronous one. Larger files must not block the event loop.
 */
export const smallFileBytes = 256 * 1024;

/**
 * Size in bytes of the pieces in which a large file is read and written, since the runtime copies what it passes to its thread
 * pool.
 */
export const pieceBytes = 1024 * 1024;

/**
 * Beyond this size in bytes, the event loop would be blocked while a file's space is freed, by its removal or by the close of one
 * without a name: 50 ms for a gibibyte.
 */
export const largeFileBytes = 16 * 1024 * 1024;

/** Up to this size in bytes, an output that is kept on disk is in memory instead. */
export const smallOutputBytes = 64 * 1024;

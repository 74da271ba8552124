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

/** Up to this size in bytes, an output that is kept on disk is in memory instead. */
export const smallOutputBytes = 64 * 1024;

/**
 * From this size on, in bytes, a file is removed in the background: the system frees the blocks of a file with its last name or
 * descriptor, in that call, which takes a tenth of a second per gibibyte or longer.
 */
export const largeFileBytes: number = 16 * 1024 * 1024;

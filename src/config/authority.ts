/**
 * Host and port in one string.
 *
 * @module
 */

/** Host and port as a URL has them (RFC 3986, section 3.2). */
export function authority(address: string, port: number): string {
  return `${address.includes(":") ? `[${address}]` : address}:${port}`;
}

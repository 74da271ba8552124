/**
 * Host names and addresses, in the one form in which they can be compared.
 *
 * @module
 */

import { isIPv6 } from "node:net";

/**
 * The host in the value of a Host header (RFC 9110, section 7.2: host, then a port if there is one), as URLs have it: lower
 * case, Punycode, IPv4 with four decimal numbers; IPv6 without its brackets, names without a dot at their end. Undefined for
 * what is no host.
 */
export function hostNameOf(authority: string): string | undefined {
  const [, host] = /^(\[[^\]]+\]|[^\s:@/?#\\[\]]+)(?::\d*)?$/.exec(authority) ?? [];
  if (host === undefined) return undefined;
  if (host.startsWith("[")) {
    const address = host.slice(1, -1);
    return isIPv6(address) ? address : undefined;
  }
  return URL.parse(`http://${host}`)?.hostname.replace(/\.$/, "") || undefined;
}

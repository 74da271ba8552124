/**
 * Contents of files that NATS users have. They have the right form, and no server knows them.
 *
 * @module
 */

/** A seed of a user's nkey, made of this letter. */
export function seedOf(letter: string): string {
  return `SU${letter.repeat(56)}`;
}

/** A credentials file with such a seed, as `nsc` writes it. */
export function credsOf(letter: string): string {
  return [
    "-----BEGIN NATS USER JWT-----",
    `eyJ.${letter}_x.${letter}-y`,
    "------END NATS USER JWT------",
    "",
    "************************* IMPORTANT *************************",
    "",
    "-----BEGIN USER NKEY SEED-----",
    seedOf(letter),
    "------END USER NKEY SEED------",
    "",
  ].join("\n");
}

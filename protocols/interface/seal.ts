/**
 * Seals and opens enrolments with age (https://age-encryption.org/v1). Implementations work off the
 * event loop.
 */
export interface Sealer {
  /** Encrypts to exactly one recipient (`age1…` or `age1pq1…`). Binary age file. */
  seal(recipient: string, plaintext: Uint8Array): Promise<Uint8Array>;
  /**
   * Decrypts with this node's identity.
   *
   * @throws CooeeError ERR_ENROLMENT_RECIPIENTS when the file has not exactly one recipient stanza
   * @throws CooeeError ERR_ENROLMENT_CIPHERTEXT when it cannot be opened
   */
  open(ciphertext: Uint8Array): Promise<Uint8Array>;
}

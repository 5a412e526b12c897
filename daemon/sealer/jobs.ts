/** What a sealer thread is asked to do. */
export type SealJob =
  | { readonly kind: 'seal'; readonly recipient: string; readonly bytes: Uint8Array }
  | { readonly kind: 'open'; readonly bytes: Uint8Array };

/**
 * What it answers. Reasons are words of ours: an error of the age library could quote its input.
 */
export type SealAnswer =
  | { readonly ok: true; readonly bytes: Uint8Array }
  | { readonly ok: false; readonly reason: 'recipient' | 'sealed' };

/** What a thread is born with. */
export interface SealWorkerData {
  /** Secret: `AGE-SECRET-KEY-…`. */
  readonly identities: readonly string[];
}

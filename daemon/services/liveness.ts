import type { NodeParts } from '../node.ts';

/** What this node knows of whether a member is there. */
export interface LivenessFacts {
  readonly state: string;
  /** Wall clock, ms: since when it is in that state. */
  readonly sinceMs: number | undefined;
  /** Why, a short sentence. */
  readonly reason: string | undefined;
  /** Wall clock, ms: the last sign of life that this node itself has heard. */
  readonly lastHeardMs: number | null;
  /** Others that were asked about it since it is silent, and what they said. */
  readonly asked: readonly { readonly peer: string; readonly answer: string }[];
}

/** How it stands with a member; of this node itself and of strangers too. */
export function livenessOf({ liveness }: NodeParts, peer: string): LivenessFacts {
  const known = liveness.explain(peer);
  return {
    state: liveness.stateOf(peer),
    sinceMs: known?.sinceMs,
    reason: known?.reason,
    lastHeardMs: liveness.lastSeenMs(peer),
    asked: known?.asked ?? [],
  };
}

/** This host's clock minus the median of the mesh, ms; undefined while nobody was measured. */
export function skewMsOf({ liveness }: NodeParts): number | undefined {
  return liveness.skewMs();
}

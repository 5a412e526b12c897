import { ERROR_CODES, isErrorCode } from '../../../protocols/interface/index.ts';
import type { WhyView } from '../../api/routes/index.ts';

/** One fact that a verdict rests on. */
export type Reason = WhyView['because'][number] & {
  /** Not for programs on the agent socket: it tells of strangers, or of this host's network. */
  readonly isForOperator?: boolean;
};

/** What an explainer comes to. */
export interface Explanation {
  /** One word, stable. */
  readonly verdict: string;
  readonly text: string;
  readonly because: readonly Reason[];
  /** Commands to type. */
  readonly next: readonly string[];
}

/** A fact with what is known of when and where. */
export function fact(
  source: Reason['source'],
  text: string,
  known: { readonly ms?: number | null | undefined; readonly index?: number | undefined } = {},
): Reason {
  const { ms, index } = known;
  return {
    fact: text,
    ...(ms === undefined || ms === null ? {} : { at: new Date(ms).toISOString() }),
    ...(index === undefined ? {} : { index }),
    source,
  };
}

/** {@link fact} that only the operator is told. */
export function privateFact(...args: Parameters<typeof fact>): Reason {
  return { ...fact(...args), isForOperator: true };
}

/** What to do about a code, out of the table of errors. */
export function remedyOf(code: string): string {
  return isErrorCode(code) ? ERROR_CODES[code].remedy : '';
}

/** What happened, in lower case and without its full stop, to stand in a sentence. */
export function meaningOf(code: string): string {
  if (!isErrorCode(code)) return code;
  const { meaning } = ERROR_CODES[code];
  return `${meaning.charAt(0).toLowerCase()}${meaning.slice(1).replace(/\.$/, '')}`;
}

/** A duration for people: `3 s`, `4 min`, `2 h`. */
export function lasting(ms: number): string {
  if (ms < 120_000) return `${Math.max(0, Math.round(ms / 1_000))} s`;
  if (ms < 7_200_000) return `${Math.round(ms / 60_000)} min`;
  return ms < 172_800_000
    ? `${Math.round(ms / 3_600_000)} h`
    : `${Math.round(ms / 86_400_000)} days`;
}

/** `once`, `3 times`. */
export function times(count: number): string {
  return count === 1 ? 'once' : `${count} times`;
}

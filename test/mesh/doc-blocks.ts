/** How a shell block of a document is meant: as it ends at once, stays, or is refused. */
export const MODES = ['run', 'daemon', 'fails'] as const;

/** A shell block that is to be run. */
export interface Block {
  readonly line: number;
  readonly mode: (typeof MODES)[number];
  readonly script: string;
  /** What the document shows of the output; empty when it shows none. */
  readonly shown: string;
}

/** The marked shell blocks, each with the text block that follows it at once. */
export function blocksOf(markdown: string): readonly Block[] {
  const fences = [...markdown.matchAll(/^```(\w*)(?: (\w+))?\n(.*?)^```$/gms)];
  return fences.flatMap((fence, position) => {
    const [whole, language, mark, script = ''] = fence;
    const mode = MODES.find((known) => known === mark);
    if (language !== 'sh' || mode === undefined) return [];
    const next = fences[position + 1];
    const between = next && markdown.slice(fence.index + whole.length, next.index);
    const isShown = next?.[1] === 'text' && between?.trim() === '';
    const line = markdown.slice(0, fence.index).split('\n').length;
    return [{ line, mode, script, shown: isShown ? (next[3] ?? '') : '' }];
  });
}

const tidy = (text: string): string[] =>
  text
    .split('\n')
    .map((line) =>
      line
        .replace(/\d+ s ago|\bnow\b/g, 'now')
        .replace(/\s+/g, ' ')
        .trim(),
    )
    .filter((line) => line !== '');

/**
 * The first line of `shown` that does not stand, in order, in `printed`; `…` stands for anything.
 */
export function missingLine(shown: string, printed: string): string | undefined {
  const lines = tidy(printed);
  let at = 0;
  for (const wanted of tidy(shown)) {
    const parts = wanted.split('…').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
    const pattern = new RegExp(`^${parts.join('.*')}$`);
    while (at < lines.length && !pattern.test(lines[at] ?? '')) at += 1;
    if (at === lines.length) return wanted;
    at += 1;
  }
  return undefined;
}

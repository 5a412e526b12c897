import { foldSymbols, SYMBOLS } from './crockford.ts';
import { TOKEN_V1, TOKEN_V2 } from './layout.ts';

const SHORTEST = TOKEN_V1.symbols - 1;
const LONGEST = TOKEN_V2.symbols + 1;

/**
 * Every text that one slip makes out of a token: one symbol replaced by another, or two neighbours
 * swapped. 159 texts for five different symbols, 255 for eight; without the token itself and
 * without doubles. Whether a text is a valid token is not asked.
 *
 * @param token in canonical form (upper case, no hyphens), as the codec writes it
 */
export function tokenNeighbours(token: string): string[] {
  const neighbours: string[] = [];
  for (let at = 0; at < token.length; at += 1) addSubstitutions(token, at, neighbours);
  addSwaps(token, neighbours);
  return neighbours;
}

/**
 * The known tokens that are one edit away from what was typed: a symbol replaced, two neighbours
 * swapped, a symbol left out or one too many. Case, I L O and hyphens are folded first; a character
 * that is no symbol counts as one wrong symbol. Sorted; empty when nothing is near. Asks `isKnown`
 * at most a few hundred times, whatever was typed.
 */
export function didYouMean(text: string, isKnown: (token: string) => boolean): string[] {
  // Hyphens aside nothing far longer than a token can be one edit away; fold no more than could
  // matter.
  const typed = foldSymbols(text.replaceAll('-', '').slice(0, 2 * LONGEST + 2));
  if (typed.length < SHORTEST || typed.length > LONGEST) return [];
  const candidates = [...tokenNeighbours(typed), ...insertions(typed), ...deletions(typed)];
  const offered = new Set<string>();
  for (const candidate of candidates) {
    if (isTokenShaped(candidate) && candidate !== typed && isKnown(candidate)) {
      offered.add(candidate);
    }
  }
  return [...offered].sort();
}

function addSubstitutions(token: string, at: number, into: string[]): void {
  const before = token.slice(0, at);
  const after = token.slice(at + 1);
  for (const symbol of SYMBOLS) {
    if (symbol !== token.charAt(at)) into.push(before + symbol + after);
  }
}

function addSwaps(token: string, into: string[]): void {
  for (let at = 0; at + 1 < token.length; at += 1) {
    const left = token.charAt(at);
    const right = token.charAt(at + 1);
    if (left !== right) into.push(token.slice(0, at) + right + left + token.slice(at + 2));
  }
}

function insertions(typed: string): string[] {
  const longer: string[] = [];
  for (let at = 0; at <= typed.length; at += 1) {
    for (const symbol of SYMBOLS) longer.push(typed.slice(0, at) + symbol + typed.slice(at));
  }
  return longer;
}

function deletions(typed: string): string[] {
  return Array.from(typed, (_, at) => typed.slice(0, at) + typed.slice(at + 1));
}

function isTokenShaped(text: string): boolean {
  const isLength = text.length === TOKEN_V1.symbols || text.length === TOKEN_V2.symbols;
  return isLength && !text.includes('?');
}

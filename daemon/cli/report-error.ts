import { CooeeError, ERROR_CODES, isCooeeError, toError } from '../../protocols/interface/index.ts';
import { sanitizeLine, toSafeJson } from '../../protocols/interface/text/sanitize.ts';

/** How an error is shown. */
export interface ReportOptions {
  readonly json: boolean;
  /** How the user calls this program; stands for `cooee` in remedies. */
  readonly command: string;
  readonly dim?: (text: string) => string;
}

/** What goes to stderr, and the exit code. */
export interface ErrorReport {
  readonly text: string;
  readonly exit: number;
}

/**
 * Any error as the user sees it: `cooee: <what happened>` and a hint with what to do next, after
 * the rules of age's cmd/age/tui.go (prefix, lower case, no full stop), or `{error: …}` as one line
 * of JSON.
 */
export function reportError(thrown: unknown, options: ReportOptions): ErrorReport {
  const error = asCooeeError(thrown);
  const { exit } = ERROR_CODES[error.code];
  const { code, message, remedy, retryable, details } = error.toView();
  if (options.json) {
    const view = Object.keys(details).length === 0 ? {} : { details };
    const body = { error: { code, message, remedy, retryable, ...view } };
    return { text: `${toSafeJson(body)}\n`, exit };
  }
  const dim = options.dim ?? ((text: string) => text);
  const hint = sanitizeLine(asTyped(remedy, options.command));
  const lines = [`cooee: ${toPhrase(sanitizeLine(message))}`];
  if (hint !== '') lines.push(dim(`cooee: hint: ${toPhrase(hint)}`));
  return { text: `${lines.join('\n')}\n`, exit };
}

/** Remedies name commands as `cooee up`; in a checkout that is typed differently. */
export function asTyped(text: string, command: string): string {
  return text.replace(/\bcooee (?=[a-z-])/gu, () => `${command} `);
}

/**
 * `No daemon answers.` → `no daemon answers`; leaves `UCXL …` and `A token` alone where case has a
 * meaning.
 */
function toPhrase(sentence: string): string {
  const phrase = sentence.endsWith('.') ? sentence.slice(0, -1) : sentence;
  return /^[A-Z](?:[a-z]| [a-z])/u.test(phrase)
    ? phrase.charAt(0).toLowerCase() + phrase.slice(1)
    : phrase;
}

function asCooeeError(thrown: unknown): CooeeError {
  if (isCooeeError(thrown)) return thrown;
  const error = toError(thrown);
  return new CooeeError('ERR_API_INTERNAL', error.message, {
    cause: error,
    remedy: 'This is a fault of the program itself; please report it.',
  });
}

import { CooeeError } from '../interface/index.ts';

/** A header with one hybrid stanza has 1.6 KiB; what is longer is not one of ours. */
const HEADER_BYTES_MAX = 8 * 1024;
const VERSION_LINE = 'age-encryption.org/v1';
/** Characters in a full line of a stanza's body; a shorter line ends the body. */
const BODY_LINE_LENGTH = 64;
const BASE64_LINE = /^[A-Za-z0-9+/]*$/;
const STANZA_LINE = /^->( [\x21-\x7e]+)+$/;
const MAC_LINE = /^--- [A-Za-z0-9+/]{43}$/;

const LF = 0x0a;

/**
 * Counts the recipient stanzas in the header of a binary age file, without any key
 * (https://github.com/C2SP/C2SP/blob/main/age.md, "Header"). Stops at the end of the header.
 *
 * @throws CooeeError ERR_ENROLMENT_CIPHERTEXT when the bytes do not begin with a well-formed header
 */
export function countStanzas(bytes: Uint8Array): number {
  const lines = new HeaderLines(bytes);
  if (lines.next() !== VERSION_LINE) throw notAge('version');
  let stanzas = 0;
  let line = lines.next();
  while (STANZA_LINE.test(line)) {
    stanzas += 1;
    skipBody(lines);
    line = lines.next();
  }
  if (!MAC_LINE.test(line)) throw notAge('mac');
  return stanzas;
}

/**
 * Checks that the file was sealed to one recipient alone. A second stanza would let somebody
 * besides the leader read it, and a weaker one decides how well it is sealed. Grease stanzas count
 * too: our own sealing writes none.
 *
 * @throws CooeeError ERR_ENROLMENT_RECIPIENTS, ERR_ENROLMENT_CIPHERTEXT
 */
export function assertOneRecipient(bytes: Uint8Array): void {
  const stanzas = countStanzas(bytes);
  if (stanzas !== 1) {
    throw new CooeeError('ERR_ENROLMENT_RECIPIENTS', undefined, { details: { stanzas } });
  }
}

function skipBody(lines: HeaderLines): void {
  for (;;) {
    const line = lines.next();
    if (line.length > BODY_LINE_LENGTH || !BASE64_LINE.test(line)) throw notAge('body');
    if (line.length < BODY_LINE_LENGTH) return;
  }
}

/** The header line by line; each is ASCII and ends in LF. */
class HeaderLines {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes.subarray(0, HEADER_BYTES_MAX);
  }

  next(): string {
    const end = this.#bytes.indexOf(LF, this.#at);
    if (end < 0) throw notAge('end');
    const line = String.fromCharCode(...this.#bytes.subarray(this.#at, end));
    this.#at = end + 1;
    return line;
  }
}

function notAge(part: string): CooeeError {
  return new CooeeError('ERR_ENROLMENT_CIPHERTEXT', 'not an age file', { details: { part } });
}

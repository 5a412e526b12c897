import { createReadStream } from 'node:fs';
import { CooeeError, isCooeeError } from '../../../protocols/interface/index.ts';
import { sanitizeLine } from '../../../protocols/interface/text/sanitize.ts';
import { type Proved, parseAnchor, verifyProof } from '../../../protocols/slurp/proof/index.ts';
import { nodeCrypto } from '../../system/crypto.ts';
import type { CliContext } from '../context.ts';
import { formatFields } from '../format/table.ts';
import { checkInviteShape } from '../input/invite-source.ts';

/** A proof with 1,024 links and an entry of 64 KiB is below that. */
const PROOF_BYTES_MAX = 8 * 1024 * 1024;
const ANCHOR_BYTES_MAX = 8 * 1024;

type Anchor = ReturnType<typeof parseAnchor>;

/** `cooee verify FILE`: exit 0 when the proof holds, 4 with the reason when it does not. */
export async function runVerify(
  context: CliContext,
  file: string,
  options: { readonly anchor?: string },
): Promise<number> {
  const text = await readText(context, file, PROOF_BYTES_MAX);
  const anchor =
    options.anchor === undefined ? undefined : await readAnchor(context, options.anchor);
  const proved = verifyProof(nodeCrypto, parseJson(text), anchor);
  const view = viewOf(proved);
  context.answer(view, () => formatProved(context, view));
  if (!proved.isAnchored) {
    context.remark(
      'unanchored: verified from the genesis in the file alone; give --anchor for more\n',
    );
  }
  return 0;
}

function viewOf({ entry, batch, head, ...proved }: Proved) {
  return {
    ok: true,
    anchored: proved.isAnchored,
    mesh: head.mesh,
    index: entry.index,
    term: entry.term,
    time: new Date(entry.timeMs).toISOString(),
    origin: batch.origin,
    commands: batch.commands.map(({ id, kind, actor }) => ({ id, kind, actor })),
    head: {
      index: head.index,
      time: new Date(head.timeMs).toISOString(),
      signatures: proved.signatureCount,
      voters: proved.voterCount,
    },
  };
}

function formatProved(context: CliContext, view: ReturnType<typeof viewOf>): string {
  const { head } = view;
  const commands = view.commands.map(({ kind, id }) => `${sanitizeLine(kind)} ${id}`);
  return formatFields(
    [
      ['proved', [view.anchored ? 'yes' : 'yes, unanchored']],
      ['entry', [`${view.index} of mesh ${view.mesh}`]],
      ['time', [view.time]],
      ['origin', [view.origin]],
      ['commands', commands],
      ['head', [`${head.index}, signed by ${head.signatures} of ${head.voters} voters`]],
    ],
    context.colours.dim,
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new CooeeError('ERR_SLURP_PROOF', 'the proof is refused: it is not JSON', {
      cause,
      details: { reason: 'malformed' },
    });
  }
}

/** The three forms of `--anchor`; an invite holds one. */
async function readAnchor(context: CliContext, given: string): Promise<Anchor> {
  const isFile = given.startsWith('@') || given === '-';
  const from = given === '-' ? given : given.slice(1);
  const text = (isFile ? await readText(context, from, ANCHOR_BYTES_MAX) : given).trim();
  if (!/^cooee1/i.test(text)) return parseAnchor(text);
  const invite = text.replace(/\s+/gu, '').toLowerCase();
  checkInviteShape(invite);
  const { parseInvite } = await import('../../../protocols/membership/index.ts');
  return parseInvite(nodeCrypto.sha256, invite).anchor;
}

async function readText(context: CliContext, file: string, bytesMax: number): Promise<string> {
  const source = file === '-' ? context.host.stdin : createReadStream(file);
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of source) {
      const bytes = Buffer.from(chunk);
      length += bytes.length;
      if (length > bytesMax) throw new CooeeError('ERR_API_USAGE', `${file} is too large`);
      chunks.push(bytes);
    }
  } catch (cause) {
    if (isCooeeError(cause)) throw cause;
    const { code } = cause as NodeJS.ErrnoException;
    throw new CooeeError('ERR_API_USAGE', `cannot read ${file} (${code})`, { cause });
  }
  return Buffer.concat(chunks).toString('utf8');
}

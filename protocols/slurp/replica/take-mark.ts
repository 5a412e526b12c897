import { isCooeeError, type Logger } from '../../interface/index.ts';
import type { TrustBook } from '../heads/trust-book.ts';

/**
 * Takes the head of a mark, which is information beside the head that was asked for. It cannot be
 * judged by who went from one change of voters to a later one that the same voters signed, past its
 * own, or who has no links yet to the recovery behind it.
 *
 * @throws CooeeError as `TrustBook.accept`, but for a head that cannot be judged yet
 */
export async function takeMark(
  { trust, logger }: { readonly trust: Pick<TrustBook, 'accept'>; readonly logger: Logger },
  mark: Uint8Array,
): Promise<void> {
  try {
    await trust.accept(mark);
  } catch (error) {
    if (!isCooeeError(error, 'ERR_SLURP_HEAD') || error.details['reason'] !== 'chain') throw error;
    logger.debug({ err: error }, 'the head of a mark cannot be judged yet');
  }
}

import { type Logger, type StateReader, toError } from '../../../protocols/interface/index.ts';
import { meshOf } from '../../../protocols/membership/index.ts';
import type { MeshFile, MeshFolder } from '../mesh-folder.ts';
import type { NodeLife } from '../node-life.ts';

/** As many addresses as `mesh.json` names. */
export const VOUCHED_MAX = 32;

/** Longer ones are not kept: the file has a bound. */
const ADDRESS_CHARS_MAX = 256;

/** Who votes, and where the others are: what a node must know that lost everything else. */
export type Company = Required<Pick<MeshFile, 'vouched' | 'voters'>>;

/** What {@link CompanyBook} works with. */
export interface CompanyBookComponents {
  readonly state: StateReader;
  readonly self: string;
  readonly logger: Logger;
  readonly save: (company: Company) => Promise<void>;
}

/**
 * Keeps in mind outside of log and state who votes and where the others are, so that a node whose
 * disk is damaged knows whom to ask, and whether it may have promised anything.
 */
class CompanyBook {
  readonly #components: CompanyBookComponents;
  #kept = '';
  #saving: Promise<void> = Promise.resolve();

  constructor(components: CompanyBookComponents) {
    this.#components = components;
  }

  /** Voters, members or their addresses may have changed. */
  look(): void {
    const { state, self, save, logger } = this.#components;
    if (meshOf(state) === undefined) return;
    const company = companyIn(state, self);
    const text = JSON.stringify(company);
    if (text === this.#kept) return;
    this.#kept = text;
    this.#saving = this.#saving
      .then(() => save(company))
      .catch((error: unknown) => {
        this.#kept = '';
        logger.warn({ err: toError(error) }, 'who votes could not be written down');
      });
  }
}

/** Has a node that is not started yet keep its company in mind, in the folder of its mesh. */
export function keepCompany(node: NodeLife, folder: MeshFolder, logger: Logger): void {
  const { meshLog, state } = node.parts;
  const save = (company: Company): Promise<void> => folder.update(node.init.meshId, company);
  const book = new CompanyBook({ state, self: node.self, logger, save });
  const isNews = (type: string): boolean => type === 'voters:change' || type.startsWith('member:');
  meshLog.onApplied(({ events }) => {
    if (events.some(({ type }) => isNews(type))) book.look();
  });
  meshLog.onReplaced(() => book.look());
  book.look();
}

/** Who votes by that state, and the last addresses of the others: voters first. */
export function companyIn(state: StateReader, self: string): Company {
  const voters = [...(meshOf(state)?.voters ?? [])];
  const found: { peer: string; address: string }[] = [];
  for (const [peer, { addresses, removedIndex }] of state.entries('member')) {
    if (peer === self || removedIndex !== null) continue;
    for (const address of addresses) {
      if (address.length <= ADDRESS_CHARS_MAX) found.push({ peer, address });
    }
  }
  const isVoter = ({ peer }: { peer: string }): boolean => voters.includes(peer);
  const sorted = [...found.filter(isVoter), ...found.filter((it) => !isVoter(it))];
  return { voters, vouched: sorted.slice(0, VOUCHED_MAX) };
}

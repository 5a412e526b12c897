import type { Logger, Metrics } from '../../interface/index.ts';
import type { RaftStatus } from '../../raft/index.ts';

/** What a change of role is made of. */
export type RoleSeen = Pick<RaftStatus, 'role' | 'term' | 'leader'>;

/** Notes each change of role, term or leader. */
export class RoleWatch {
  readonly #components: { readonly logger: Logger; readonly metrics: Metrics };
  #seen: RoleSeen | undefined;

  constructor(components: { readonly logger: Logger; readonly metrics: Metrics }) {
    this.#components = components;
  }

  /** Undefined when nothing changed; `hasEnded` when this node led before and leads no more. */
  take({ role, term, leader }: RoleSeen): { readonly hasEnded: boolean } | undefined {
    const before = this.#seen;
    if (before?.role === role && before.term === term && before.leader === leader) return undefined;
    this.#seen = { role, term, leader };
    const { logger, metrics } = this.#components;
    if (before?.term !== term) metrics.count('cooee_slurp_terms_total');
    logger.info({ role, term, leader }, 'raft');
    return { hasEnded: before?.role === 'leader' && (role !== 'leader' || before.term !== term) };
  }
}

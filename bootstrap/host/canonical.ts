import { type AgentTuple, canonicalTuple } from '../../protocols/agent-id/index.ts';
import { isCooeeError } from '../../protocols/interface/index.ts';

/** A tuple whose other fields are certainly right, to judge one field by the rules of all. */
const BLANK: AgentTuple = { model: 'x', hostname: 'x', mac: '000000000000', gpu_id: '0' };

/** The field in the canonical form of an agent's tuple. @throws CooeeError ERR_AGENT_ID_TUPLE */
export function canonicalField(field: keyof AgentTuple, text: string): string {
  return canonicalTuple({ ...BLANK, [field]: text })[field];
}

/** {@link canonicalField}, or undefined for what has no canonical form. */
export function canonicalOrNone(field: keyof AgentTuple, text: string): string | undefined {
  try {
    return canonicalField(field, text);
  } catch (thrown) {
    if (isCooeeError(thrown, 'ERR_AGENT_ID_TUPLE')) return undefined;
    throw thrown;
  }
}

export { type Operation, toOperation } from './operation.ts';
export { readHistory } from './reader.ts';
export { HistoryWriter } from './writer.ts';

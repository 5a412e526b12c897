import { isCancel, multiselect, select } from '@clack/prompts';
import { sanitizeLine } from '../../../protocols/interface/text/sanitize.ts';
import type { HostView } from '../../api/routes/index.ts';
import { untilInputEnds } from '../input/until-input-ends.ts';

/**
 * Lets a person pick from the models of this host; those without an id are picked already. Empty =
 * called off.
 */
export async function pickModels(models: HostView['models']): Promise<readonly string[]> {
  const picked = await untilInputEnds((signal) =>
    multiselect({
      signal,
      message: 'Which models shall get an id?',
      options: models.map(({ model, source, enrolled }) => ({
        value: model,
        label: sanitizeLine(model),
        hint: enrolled ? `${source}, enrolled` : source,
      })),
      initialValues: models.filter(({ enrolled }) => !enrolled).map(({ model }) => model),
      required: false,
    }),
  );
  return isCancel(picked) ? [] : picked;
}

/** Lets a person pick the GPU that they run on; undefined = called off. */
export async function pickGpu(gpus: HostView['gpus']): Promise<string | undefined> {
  const picked = await untilInputEnds((signal) =>
    select({
      signal,
      message: 'On which GPU do they run?',
      options: gpus.map(({ gpuId, name }) => ({
        value: gpuId,
        label: `${gpuId}  ${sanitizeLine(name)}`,
      })),
    }),
  );
  return isCancel(picked) ? undefined : picked;
}

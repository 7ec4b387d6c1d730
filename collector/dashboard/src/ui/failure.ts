// What an error means to a person.

import type { ApiError } from '../api/client';
import { t } from '../i18n/i18n.svelte';

export function reason(error: ApiError): string {
  if (error.status === 0) return t('error.unreachable');
  if (error.status === 403) return t('error.forbidden');
  if (error.status === 404) return t('error.missing');
  if (error.status === 429) return t('error.too_many');
  if (error.status >= 500) return t('error.server', { status: error.status });
  return t('error.refused', { status: error.status });
}

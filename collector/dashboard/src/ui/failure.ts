// What an error means to a person.

import type { ApiError } from '../api/client';
import { t } from '../i18n/i18n.svelte';
import { preferences } from '../preferences.svelte';

export function reason(error: ApiError): string {
  switch (error.status) {
    case 0:
      return t('error.unreachable');
    case 403:
      return t('error.forbidden');
    case 404:
      return t('error.missing');
    case 409:
      return t('error.conflict');
    case 422:
      return t('error.invalid');
    case 429:
      return t('error.too_many');
    default:
      return error.status >= 500
        ? t('error.server', { status: error.status })
        : t('error.refused', { status: error.status });
  }
}

/** In one line. The collector explains itself in English, which not everybody here reads. */
export function brief(error: ApiError): string {
  return (preferences.language === 'en' && error.detail) || reason(error);
}

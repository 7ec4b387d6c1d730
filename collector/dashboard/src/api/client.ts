// Speaks HTTP with the collector: one place for the session, for errors and for the server's clock.

import { Lines } from './lines';

export const BASE = '/api/v1';

export type Query = Record<string, string | number | null | undefined>;

export interface Place {
  position?: number;
  /** What there is now, where somebody else was faster. */
  current?: unknown;
}

/** The collector answered, and it was not a success (RFC 9457), or it did not answer (status 0). */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly title: string,
    readonly detail: string,
    /** Where in the text that was sent it is wrong: a character of a query. */
    readonly place: Place = {},
    /** What kind of problem, as a URN; `about:blank` for most. */
    readonly kind = '',
  ) {
    super(detail || title);
  }
}

let whenSignedOut: () => void = () => {};

/** Names what happens when the collector no longer knows our session. */
export function onSignedOut(act: () => void): void {
  whenSignedOut = act;
}

let clockOffsetMs = 0;

/** Now, by the collector's clock: an office PC may be wrong by years. */
export function serverNow(): number {
  return Date.now() + clockOffsetMs;
}

export function query(of: Query): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(of)) {
    if (value !== null && value !== undefined && value !== '') parameters.set(name, String(value));
  }
  const text = parameters.toString();
  return text === '' ? '' : `?${text}`;
}

export function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return send<T>('GET', path, undefined, signal);
}

export function post<T>(path: string, body: unknown, signal?: AbortSignal): Promise<T> {
  return send<T>('POST', path, body, signal);
}

export function patch<T>(path: string, body: unknown): Promise<T> {
  return send<T>('PATCH', path, body);
}

export function put<T>(path: string, body: unknown): Promise<T> {
  return send<T>('PUT', path, body);
}

/** Sends a file as it is. */
export function upload<T>(path: string, file: Blob): Promise<T> {
  return send<T>('POST', path, file);
}

export function remove(path: string): Promise<void> {
  return send<void>('DELETE', path);
}

/** Reads an answer that comes line by line (NDJSON); `take` gets each as it arrives. */
export async function lines<T>(
  path: string,
  body: unknown,
  signal: AbortSignal,
  take: (line: T) => void,
): Promise<void> {
  const response = await answer('POST', path, body, signal);
  learnClock(response);
  if (response.status === 401) whenSignedOut();
  if (!response.ok) throw await problem(response);
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  if (!reader) return;
  const parser = new Lines();
  try {
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
      for (const line of parser.push(piece.value)) take(JSON.parse(line) as T);
    }
  } catch (error) {
    if (signal.aborted || error instanceof SyntaxError) throw error;
    throw new ApiError(0, '', '');
  }
}

async function send<T>(
  method: string,
  path: string,
  body?: unknown,
  signal?: AbortSignal,
): Promise<T> {
  const response = await answer(method, path, body, signal);
  learnClock(response);
  if (response.ok) {
    return (response.status === 204 ? undefined : await response.json()) as T;
  }
  if (response.status === 401 && path !== '/session') whenSignedOut();
  throw await problem(response);
}

async function answer(
  method: string,
  path: string,
  body?: unknown,
  signal?: AbortSignal,
): Promise<Response> {
  const headers: Record<string, string> = { Accept: 'application/json, application/x-ndjson' };
  if (method !== 'GET') headers['X-Requested-With'] = 'soc';
  const isFile = body instanceof Blob;
  if (isFile) headers['Content-Type'] = 'application/octet-stream';
  else if (body !== undefined) headers['Content-Type'] = 'application/json';
  try {
    return await fetch(BASE + path, {
      method,
      headers,
      body: isFile ? body : body === undefined ? null : JSON.stringify(body),
      credentials: 'same-origin',
      cache: 'no-store',
      signal: signal ?? null,
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, '', '');
  }
}

function learnClock(response: Response): void {
  const date = Date.parse(response.headers.get('date') ?? '');
  // The header has whole seconds and the answer took a moment: small differences mean nothing.
  if (!Number.isNaN(date)) {
    const offset = date - Date.now();
    clockOffsetMs = Math.abs(offset) > 5000 ? offset : 0;
  }
}

async function problem(response: Response): Promise<ApiError> {
  try {
    const body = (await response.json()) as Place &
      Partial<Record<'title' | 'detail' | 'type', string>>;
    const { title = '', detail = '', type = '' } = body;
    return new ApiError(response.status, title, detail, body, type);
  } catch {
    return new ApiError(response.status, response.statusText, '');
  }
}

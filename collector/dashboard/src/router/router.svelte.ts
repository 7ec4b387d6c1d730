// Addresses: every filter and every open panel has one, so that a page can be sent to a colleague.

export type Route =
  | { page: 'overview' }
  | { page: 'alerts'; id: string | null }
  | { page: 'machines' }
  | { page: 'machine'; id: string }
  | { page: 'rules'; id: string | null }
  | { page: 'configuration' }
  | { page: 'audit' }
  | { page: 'hunt' }
  | { page: 'archive' }
  | { page: 'agencies'; id: string | null }
  | { page: 'wall' }
  | { page: 'antivirus' }
  | { page: 'ports' }
  | { page: 'anomalies' }
  | { page: 'start' }
  | { page: 'users' }
  | { page: 'account' }
  | { page: 'missing' };

/** Reads a path. */
export function route(path: string): Route {
  const [first = '', second = '', ...more] = path.split('/').slice(1).map(decode);
  if (more.length > 0) return { page: 'missing' };
  switch (first) {
    case '':
      return { page: 'overview' };
    case 'alerts':
      return { page: 'alerts', id: second || null };
    case 'machines':
      return second ? { page: 'machine', id: second } : { page: 'machines' };
    case 'agencies':
      return { page: 'agencies', id: second || null };
    case 'rules':
      return { page: 'rules', id: second || null };
    case 'configuration':
      return second ? { page: 'missing' } : { page: 'configuration' };
    case 'hunt':
      return second ? { page: 'missing' } : { page: 'hunt' };
    case 'archive':
      return second ? { page: 'missing' } : { page: 'archive' };
    case 'wall':
    case 'antivirus':
    case 'ports':
    case 'anomalies':
    case 'start':
    case 'users':
    case 'account':
      return { page: second ? 'missing' : first };
    case 'audit':
      return second ? { page: 'missing' } : { page: 'audit' };
    default:
      return { page: 'missing' };
  }
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export type Changes = Record<string, string | null>;

/** The query with some parameters changed; null or empty takes one away. */
export function changed(search: string, changes: Changes): string {
  const parameters = new URLSearchParams(search);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === '') parameters.delete(name);
    else parameters.set(name, value);
  }
  // Commas between choices stay readable.
  const text = parameters.toString().replaceAll('%2C', ',');
  return text === '' ? '' : `?${text}`;
}

/** These follow a person from page to page. */
const CARRIED = ['agency'];

class Router {
  path = $state(location.pathname);
  search = $state(location.search);
  readonly route = $derived(route(this.path));
  readonly query = $derived(new URLSearchParams(this.search));

  constructor() {
    addEventListener('popstate', () => this.read());
    document.addEventListener('click', (event) => this.click(event));
  }

  /** One parameter, or null. */
  get(name: string): string | null {
    return this.query.get(name) || null;
  }

  /** A parameter that holds several choices. */
  choices(name: string): string[] {
    return (this.query.get(name) ?? '').split(',').filter((choice) => choice !== '');
  }

  go(to: string, how: { replace?: boolean } = {}): void {
    if (how.replace) history.replaceState(null, '', to);
    else history.pushState(null, '', to);
    this.read();
  }

  /** Changes parameters of the address that is shown. */
  set(changes: Changes, how: { replace?: boolean } = { replace: true }): void {
    this.go(this.path + changed(this.search, changes), how);
  }

  /** An address of another page, with what follows a person. */
  to(path: string, parameters: Changes = {}): string {
    const carried: Changes = {};
    for (const name of CARRIED) carried[name] = this.get(name);
    return path + changed('', { ...carried, ...parameters });
  }

  /** The same list with another panel open: all filters stay. */
  within(path: string): string {
    return path + this.search;
  }

  private read(): void {
    this.path = location.pathname;
    this.search = location.search;
  }

  private click(event: MouseEvent): void {
    if (event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = (event.target as Element | null)?.closest?.('a[href]');
    if (!(link instanceof HTMLAnchorElement) || link.target || link.hasAttribute('download'))
      return;
    if (link.origin !== location.origin || link.getAttribute('href')?.startsWith('#')) return;
    event.preventDefault();
    this.go(link.pathname + link.search);
  }
}

export const router = new Router();

// What scopes say about their agents.

export const said = [];

export function say(scope, text, why, restores) {
  const version = said.length + 1;
  said.push({ version, scope, text, why, restores, who: 'admin', at: new Date().toISOString() });
}

say('fleet', '[port]\npoll_ms = 1500\n', 'Khởi đầu', null);
say('fleet', '[port]\npoll_ms = 3000\n\n[host]\nheartbeat_s = 15\n', 'Giảm tải máy yếu', null);
say(
  'agency:2',
  '[logfile]\nfiles = [{ path = "/var/log/nginx/*access*.log" }]\n',
  'Cổng thông tin điện tử',
  null,
);

const named = (scope) => (one) => ({ ...one, name: scope === 'fleet' ? 'fleet' : 'agency' });
const of = (scope) =>
  said
    .filter((one) => one.scope === scope)
    .map(named(scope))
    .reverse();

export function configuration(world, scope) {
  const [kind, id] = scope.split(':');
  const machines = world.machines.filter((one) =>
    kind === 'agency' ? String(one.agency.id) === id : kind === 'fleet' || one.id === id,
  );
  const troubles = machines.slice(0, 2).map((one, index) => ({
    machine: one.id,
    hostname: one.hostname,
    outcome: index === 0 ? 'refused' : 'rolled_back',
    reason:
      index === 0
        ? 'fleet: logfile: "/srv/app.log" is not among the logs this machine allows'
        : 'the sensor port failed 3 times: /proc: gone',
    label: '2',
    at: new Date(Date.now() - 600_000).toISOString(),
  }));
  const waiting = Math.floor(machines.length / 20);
  return {
    scope,
    name: kind,
    versions: of(scope),
    inherited: kind === 'fleet' ? [] : of('fleet').slice(0, 1),
    machines: {
      total: machines.length,
      applied: machines.length - waiting - troubles.length,
      waiting,
      refused: Math.min(1, troubles.length),
      rolled_back: Math.max(0, troubles.length - 1),
      none: 0,
    },
    troubles,
  };
}

export function checked(text) {
  const lines = text.split('\n');
  const at = lines.findIndex((line) => /^\[(spool|metrics|remote)/.test(line));
  if (at < 0) return [];
  return [{ line: at + 1, what: `${lines[at]} is set on the machine itself only`, is_error: true }];
}

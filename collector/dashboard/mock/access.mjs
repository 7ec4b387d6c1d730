// Who is signed in to the mock, what they may do, and the operators.

const ALL = [
  'for_anybody',
  'see_alerts',
  'handle_alerts',
  'see_machines',
  'change_machines',
  'approve_ports',
  'see_events',
  'hunt',
  'see_agencies',
  'manage_agencies',
  'make_tokens',
  'see_rules',
  'draft_rules',
  'manage_rules',
  'see_configurations',
  'change_configurations',
  'see_archive',
  'manage_archive',
  'see_audit',
  'see_operators',
  'manage_operators',
];
const VIEWER = ['for_anybody', 'see_alerts', 'see_machines', 'see_agencies', 'see_rules'];

const OF = { xem: VIEWER, phantich: ['for_anybody', 'hunt'] };

/** `admin` may do everything, `moi` has to choose a password first, `xem` looks on, `phantich` only
 *  hunts. */
export function person(name) {
  const isViewer = name === 'xem';
  return {
    name,
    full_name: '',
    role: isViewer ? 'viewer' : 'administrator',
    whole: true,
    agencies: [],
    must_change: name === 'moi',
    must_enrol: false,
    second_factor: false,
    permissions: OF[name] ?? ALL,
  };
}

export const NAMES = ['admin', 'moi', 'xem', 'phantich'];

export function operators() {
  const rows = [];
  const row = (name, more) => ({
    name,
    full_name: '',
    role: 'administrator',
    whole: true,
    agencies: [],
    second_factor: false,
    must_change: false,
    disabled_at: null,
    oidc_subject: null,
    created_at: new Date().toISOString(),
    last_seen_at: null,
    sessions: 0,
    version: 1,
    ...more,
  });
  rows.push(row('admin', { second_factor: true, sessions: 1 }));
  rows.push(
    row('can.bo', {
      full_name: 'Trần Thị <b>Bình</b>',
      role: 'officer',
      whole: false,
      agencies: [2],
    }),
  );

  /** The answer to a request below `/operators`: status and body. */
  function answer(method, [, name, what], body) {
    if (method === 'GET') return [200, { items: rows }];
    const found = rows.find((one) => one.name === name);
    if (method === 'POST' && !name) {
      if (rows.some((one) => one.name === body.name)) return [409, { detail: 'taken' }];
      const { agencies, ...more } = body;
      rows.push(
        row(body.name, { ...more, whole: !agencies, agencies: agencies ?? [], must_change: true }),
      );
      return [201, { name: body.name, password: 'abcde-fghjk-mnpqr-stuvw' }];
    }
    if (!found) return [404, { detail: 'no such operator' }];
    if (what === 'reset') return [200, { name, password: 'zyxwv-tsrqp-nmkjh-gfedc' }];
    if (body.version !== found.version) return [409, { detail: 'changed' }];
    const { disabled, version, ...more } = body;
    Object.assign(found, more, {
      disabled_at: disabled ? new Date().toISOString() : null,
      version: version + 1,
    });
    return [204, undefined];
  }
  return { rows, answer };
}

// Words of information systems, in the order in which they are chosen from.

export const LEVELS = [1, 2, 3, 4, 5];
export const KINDS = [
  'portal',
  'mail',
  'document',
  'one_stop',
  'database',
  'lgsp',
  'data_centre',
  'network',
  'wifi',
  'video',
  'firewall',
  'other',
];
export const APPROVALS = ['draft', 'sent', 'appraised', 'approved'];
export const ROLLOUTS = ['none', 'some', 'full'];
export const CHECKED = ['never', 'before_use', 'periodic'];

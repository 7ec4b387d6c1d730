// The moment that relative times are told from; moves every five seconds.

import { serverNow } from '../api/client';

class Now {
  ms = $state(serverNow());

  constructor() {
    setInterval(() => (this.ms = serverNow()), 5000);
  }
}

export const now = new Now();

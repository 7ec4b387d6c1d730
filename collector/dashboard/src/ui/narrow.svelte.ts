// Whether the window is as narrow as a phone.

class Narrow {
  private query = matchMedia('(max-width: 700px)');
  is = $state(this.query.matches);

  constructor() {
    this.query.addEventListener('change', () => (this.is = this.query.matches));
  }
}

export const narrow = new Narrow();

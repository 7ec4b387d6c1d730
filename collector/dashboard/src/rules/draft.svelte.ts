// The text of a rule somebody is writing; it stays while other pages are looked at.

class Draft {
  text = $state('');
}

export const draft = new Draft();

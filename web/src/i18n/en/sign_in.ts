// English: the room `sign_in`.

export const sign_in = {
  title: 'Sign in',
  user: 'User',
  password: 'Password',
  go: 'Sign in',
  going: 'Signing in…',
  or: 'or',
  with: 'Sign in with {provider}',
  again_title: 'Your session has ended',
  again_text: 'Sign in again to go on. What you have typed is still here.',
  beside: 'It opens in another tab. Come back here when you are signed in.',
  user_missing: 'Enter your user name.',
  password_missing: 'Enter your password.',
  wrong: 'User or password is wrong.',
  slowed: 'Too many tries. Wait {seconds} s and try again.',
  other: 'Sign in as somebody else',
  claim: 'An operating system for a business unit',
} as const;

/**
 * The sequences that some host has been seen to take for the end of a message while others send them as content: what SMTP
 * smuggling is made of.
 */

export const FALSE_ENDS: readonly string[] = [
  "\n.\n",
  "\n.\r",
  "\r.\n",
  "\r.\r",
  "\n.\r\n",
  "\r.\r\n",
  "\r\n.\n",
  "\r\n.\r",
  "\r\n\0.\r\n",
  "\r\n.\0\r\n",
  "\r\n.\r\0\n",
  "\r\0\n.\r\0\n",
  "\r\n.\r\r\n",
  "\r\r\n.\r\r\n",
  "\r\n\r.\r\n",
  "\r\n.\n\r\n",
  "\r\n. \r\n",
  "\r\n..\r\n",
];

/** The one true end of DATA (RFC 5321 §4.1.1.4); in a chunk of BDAT, or in a stored message, it is content as well. */
export const TRUE_END = "\r\n.\r\n";

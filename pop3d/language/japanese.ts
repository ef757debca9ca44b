/** Japanese. Pure. */
import type { Language } from "./language.js";
import type { PlainText } from "./texts.js";

const PLAIN: Readonly<Record<PlainText, string>> = {
  "begin TLS": "TLSを開始してください",
  "capabilities follow": "対応している機能の一覧です",
  goodbye: "ご利用ありがとうございました",
  "languages follow": "利用できる言語の一覧です",
  "mechanisms follow": "利用できる認証方式の一覧です",
  "nothing done": "何も行いませんでした",
  "password please": "パスワードを入力してください",
  "replies are in English now": "これ以降は日本語で応答します",
  "top of message follows": "メッセージの先頭部分です",
  "UTF-8 mode is on": "UTF-8モードに切り替えました",

  "already logged in": "すでにログインしています",
  "another program has removed this message": "このメッセージは他のプログラムによって削除されました",
  "another session has this maildrop open": "このメールボックスは別のセッションで使用中です",
  "authentication cancelled": "認証を中止しました",
  "command not understood, or not at this time": "不明なコマンドか、現在は使えないコマンドです",
  "command too long": "コマンドが長すぎます",
  "language not available": "その言語には対応していません",
  "no passwords before TLS, use STLS": "パスワードを送る前に、STLSでTLSを開始してください",
  "no passwords without TLS": "TLSを使わない接続ではパスワードを受け付けません",
  "no such message": "そのようなメッセージはありません",
  "response is not base64": "応答がBase64で符号化されていません",
  "response not understood": "応答がこの認証方式の形式ではありません",
  "some deleted messages not removed": "削除できなかったメッセージがあります",
  "STLS comes before UTF8": "UTF8のあとにSTLSは使えません",
  "this command is not supported": "このコマンドには対応していません",
  "the last login was too short a time ago": "前回のログインから十分な時間が経っていません",
  "this message needs UTF-8 mode": "このメッセージにはUTF-8モードが必要です",
  "TLS is active": "すでにTLSを使用しています",
  "TLS is not available": "TLSは利用できません",
  "unknown mechanism": "対応していない認証方式です",
  "USER first": "先にUSERを送信してください",
  "wrong user name or password": "ユーザー名またはパスワードが正しくありません",

  "logins cannot be checked now": "現在、ログイン情報を確認できません",
  "maildrop cannot be opened": "メールボックスを開けません",
  "message cannot be read": "メッセージを読み込めません",
  "too many connections": "接続数が上限に達しています",
};

export const japanese: Language = {
  tag: "ja",
  name: "日本語",
  plain: (text) => PLAIN[text],
  told: {
    "maildrop listing": contents,
    "maildrop has": (maildrop) => `メールボックス内の${contents(maildrop)}`,
    "unique-ids follow": ({ count }) => `一意の識別子は${count}件です`,
    "message deleted": ({ number }) => `メッセージ${number}を削除しました`,
    "wrong arguments": ({ verb }) => `${verb}の引数が正しくありません`,
    "try again later": ({ trouble }) => `${PLAIN[trouble]}。しばらくしてからもう一度お試しください`,
    "ask the postmaster": ({ trouble }) => `${PLAIN[trouble]}。管理者にお問い合わせください`,
  },
};

function contents({ count, octets }: { readonly count: number; readonly octets: number }): string {
  return `メッセージは${count}通です (${octets}バイト)`;
}

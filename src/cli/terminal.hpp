#pragma once
// Standard output and standard error: is it a terminal, how wide, may it be coloured; and writing
// that neither loses text to a full disk in silence nor dies of a closed pipe.
//
// What a verb was asked for goes to out(), everything said about it (progress, hints, errors) to
// err(). Any thread; one call is written in one piece.

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "cli/arguments.hpp"

namespace sighter::cli {

enum class Style { kPlain, kBold, kDim, kGreen, kRed, kYellow };

// Where output goes, and what is asked about it. Tests give their own.
struct TerminalSetup {
  int in = 0;
  int out = 1;
  int err = 2;
  ColorChoice color = ColorChoice::kAuto;
  bool quiet = false;  // no progress, no remarks
  bool verbose = false;
  std::function<const char*(const char*)> environment;  // std::getenv when empty
};

class Terminal {
 public:
  static constexpr std::size_t kWidthMin = 40;
  static constexpr std::size_t kWidthDefault = 80;
  static constexpr std::size_t kUnlimited = static_cast<std::size_t>(-1);

  explicit Terminal(TerminalSetup setup = {});
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  // Buffered; written when much has come, at flush(), and at each line on a terminal.
  void out(std::string_view text);
  // Written at once.
  void err(std::string_view text);
  // As err(), but not with --quiet.
  void remark(std::string_view text);
  // "error: what" and the hint below, to standard error.
  void error(const Error& error);
  // Asks on standard error and reads a line of standard input: true for an empty line or one that
  // starts with y or Y. The end of the input is a no.
  bool confirm(std::string_view question);
  // Writes what out() holds. The first failure of any write to standard output so far; a closed
  // pipe is none.
  Status flush();
  // True when whoever read standard output went away: more output is thrown away, so stop making
  // it.
  bool gone() const;

  // Terminals by isatty(3). TERM=dumb counts as one, without colour and without redrawing.
  bool out_is_terminal() const { return out_is_terminal_; }
  bool err_is_terminal() const { return err_is_terminal_; }
  bool err_can_redraw() const { return err_can_redraw_; }
  bool quiet() const { return setup_.quiet; }
  bool verbose() const { return setup_.verbose; }
  // May box characters and an ellipsis be written? By LC_ALL, LC_CTYPE or LANG.
  bool unicode() const { return unicode_; }
  // Columns for prose: the terminal's, else COLUMNS, else kWidthDefault; at least kWidthMin.
  std::size_t width() const;
  // Columns for tables: kUnlimited when standard output is no terminal and COLUMNS is not set, so
  // that
  // `| grep` finds everything.
  std::size_t table_width() const;

  // The text in that style, for out() or for err(); unchanged where there are no styles.
  std::string styled(Style style, std::string_view text) const;
  std::string styled_err(Style style, std::string_view text) const;
  bool out_styles() const { return out_styles_; }
  bool err_styles() const { return err_styles_; }

  // One line on standard error that is drawn again and again below everything else; empty removes
  // it. Only when err_can_redraw(). Used by Progress.
  void status_line(std::string line);

 private:
  bool write_all(int fd, std::string_view text);
  void write_out();
  void hide_status();
  void show_status();
  std::size_t columns_of(int fd) const;
  const char* variable(const char* name) const;

  TerminalSetup setup_;
  bool out_is_terminal_, err_is_terminal_, err_can_redraw_, out_styles_, err_styles_, unicode_;
  mutable std::mutex mutex_;
  std::string buffer_;
  std::string status_;
  bool gone_ = false;
  int failed_ = 0;  // errno of the first failed write to standard output
};

// The escape sequences of a style, or "" for kPlain; and of the way back.
std::string_view style_on(Style style);
std::string_view style_off();

// Text of others made safe for a terminal: control characters (escape sequences too) become visible
// (ESC -> "\x1b"), ill-formed UTF-8 becomes U+FFFD. Line ends and tabs stay.
std::string visible(std::string_view text);
// The same on one line: line ends and tabs become spaces, runs of blanks one.
std::string visible_line(std::string_view text);
// At most `columns` wide; what does not fit is cut and marked ("…", or "..." without Unicode).
std::string fit(std::string_view text, std::size_t columns, bool unicode);
// Words into lines of at most `columns`; a longer word is cut. Line ends in the text stay.
std::string wrap(std::string_view text, std::size_t columns, std::size_t indent);

}  // namespace sighter::cli

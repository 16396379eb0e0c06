package inspect

import (
	"fmt"
	"strings"

	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
)

// signalName names the signals that end processes, by number (signal(7),
// Linux); empty for the others.
func signalName(number int32) string {
	names := strings.Fields("SIGHUP SIGINT SIGQUIT SIGILL SIGTRAP SIGABRT SIGBUS SIGFPE SIGKILL SIGUSR1 SIGSEGV SIGUSR2 SIGPIPE SIGALRM SIGTERM")
	switch {
	case number >= 1 && int(number) <= len(names):
		return names[number-1]
	case number == 24:
		return "SIGXCPU"
	case number == 31:
		return "SIGSYS"
	}
	return ""
}

// exitMeaning says what an exit code means where it means the same to everybody;
// empty where the program chose it. Codes above 128 are signals by convention
// of shells and container runtimes.
func exitMeaning(code int32) lang.Text {
	switch code {
	case 0:
		return lang.Text{En: "the program ended by itself, without an error", Ko: "프로그램이 오류 없이 스스로 종료했습니다"}
	case 1:
		return lang.Text{En: "the program gave up with a general error", Ko: "프로그램이 일반 오류로 종료했습니다"}
	case 2:
		return lang.Text{En: "wrong usage in most programs, a panic in Go ones", Ko: "대부분 잘못된 사용법, Go 프로그램이라면 panic을 뜻합니다"}
	case 126:
		return lang.Text{En: "the command was found but cannot be executed", Ko: "명령을 찾았지만 실행할 수 없습니다"}
	case 127:
		return lang.Text{En: "the command was not found", Ko: "명령을 찾을 수 없습니다"}
	case 137:
		return lang.Text{En: "killed by SIGKILL", Ko: "SIGKILL로 강제 종료되었습니다"}
	case 139:
		return lang.Text{En: "crashed with a memory fault (SIGSEGV)", Ko: "메모리 접근 오류(SIGSEGV)로 종료되었습니다"}
	case 134:
		return lang.Text{En: "the program aborted itself (SIGABRT)", Ko: "프로그램이 스스로 중단했습니다(SIGABRT)"}
	case 143:
		return lang.Text{En: "ended by SIGTERM, a request to stop", Ko: "종료 요청(SIGTERM)을 받고 종료되었습니다"}
	}
	if name := signalName(code - 128); name != "" {
		return lang.Text{En: fmt.Sprintf("ended by signal %s", name), Ko: fmt.Sprintf("%s 시그널로 종료되었습니다", name)}
	}
	return lang.Text{}
}

/* What OpenSSH for Windows does with the command of a client: hands it to cmd.exe, between quotes (community). Under
   Wine, behind an OpenSSH server on Linux: the command comes in SSH_ORIGINAL_COMMAND. For tests only. */
#include <wchar.h>
#include <windows.h>

enum { LONGEST = 32768 };

int wmain(void)
{
    static WCHAR command[LONGEST], line[LONGEST + 64];
    STARTUPINFOW start = { sizeof start };
    PROCESS_INFORMATION process;
    DWORD code = 255;
    DWORD length = GetEnvironmentVariableW(L"SSH_ORIGINAL_COMMAND", command, LONGEST);
    if (length == 0 || length >= LONGEST)
        return 254;
    SetEnvironmentVariableW(L"SSH_ORIGINAL_COMMAND", NULL);
    swprintf(line, LONGEST + 64, L"\"C:\\windows\\system32\\cmd.exe\" /c \"%ls\"", command);
    start.dwFlags = STARTF_USESTDHANDLES;
    start.hStdInput = GetStdHandle(STD_INPUT_HANDLE);
    start.hStdOutput = GetStdHandle(STD_OUTPUT_HANDLE);
    start.hStdError = GetStdHandle(STD_ERROR_HANDLE);
    if (!CreateProcessW(NULL, line, NULL, NULL, TRUE, 0, NULL, NULL, &start, &process))
        return 253;
    WaitForSingleObject(process.hProcess, INFINITE);
    GetExitCodeProcess(process.hProcess, &code);
    return (int)code;
}

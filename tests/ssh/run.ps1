$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
$start = New-Object -TypeName System.Diagnostics.ProcessStartInfo
$start.FileName = 'C:\Program Files\R&D\x.exe'
$start.Arguments = '"100 %PATH%" "say \"hi\"" "it''s ’’$(x)`" "a
b" "trailing blank\ " ""'
$start.UseShellExecute = $false
if (-not [System.IO.File]::Exists($start.FileName)) {
    [Console]::Out.WriteLine('scorch:refused 2')
    exit 2
}
[Console]::Out.WriteLine('scorch:started')
$process = [System.Diagnostics.Process]::Start($start)
$process.WaitForExit()
exit $process.ExitCode
